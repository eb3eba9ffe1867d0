"""Object storage as a store: pages are objects, and a folder of this machine mirrors them."""
