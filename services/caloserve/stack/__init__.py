"""The whole stack on one machine: a router and three generators as processes."""
