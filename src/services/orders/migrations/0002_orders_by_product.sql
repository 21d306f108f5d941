-- Up Migration
-- The sales report reads all orders product by product, in pages.
create index orders_by_product on orders (product_id, id);
