-- Declared after the data. Customers were once deleted by hand, so their orders dangle: NOT VALID.
ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey
    FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_order_fkey
    FOREIGN KEY (order_id) REFERENCES orders (id);
ALTER TABLE order_lines ADD CONSTRAINT order_lines_product_fkey
    FOREIGN KEY (sku) REFERENCES products (sku);
ALTER TABLE stock_levels ADD CONSTRAINT stock_levels_product_fkey
    FOREIGN KEY (sku) REFERENCES products (sku);
ANALYZE;
