"""Real servers for the tests: started in folders of their own, stopped by their own process ids."""
