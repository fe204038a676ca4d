"""The page: what a browser shows of the server. It talks to the same API as everybody else."""
