-- The shop: what a small company's database looks like after some years of use.
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'returned');

CREATE TABLE employees (
    id         int PRIMARY KEY,
    name       text NOT NULL,
    title      varchar(40) NOT NULL,
    manager_id int REFERENCES employees (id),
    hired_on   date
);

CREATE TABLE customers (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    email       varchar(120) UNIQUE,
    bio         text,
    city        text,
    preferences jsonb,
    account_manager_id int REFERENCES employees (id),
    valid_until timestamptz,
    created_at  timestamptz NOT NULL
);
COMMENT ON COLUMN customers.valid_until IS 'infinity: a customer for life';

CREATE TABLE products (
    sku         char(10) PRIMARY KEY,
    name        text NOT NULL,
    description text,
    attributes  jsonb NOT NULL,
    price       numeric(10, 2) NOT NULL,
    weight_kg   numeric,
    thumbnail   bytea
);
COMMENT ON COLUMN products.weight_kg IS 'NaN: never weighed';

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    handled_by  int REFERENCES employees (id),
    status      order_status NOT NULL,
    note        text,
    created_at  timestamptz NOT NULL
);

CREATE TABLE order_lines (
    order_id   bigint NOT NULL,
    line       int NOT NULL,
    sku        char(10) NOT NULL,
    quantity   int NOT NULL,
    unit_price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

-- Numbers only: nothing in it reads as a text.
CREATE TABLE stock_levels (
    warehouse  int NOT NULL,
    sku        char(10) NOT NULL,
    on_hand    int NOT NULL,
    counted_at timestamptz,
    PRIMARY KEY (warehouse, sku)
);

-- No key; the same line may come twice.
CREATE TABLE visits (
    customer_id bigint,
    page        text NOT NULL,
    seen_at     timestamp
);
