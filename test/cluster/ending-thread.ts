// A worker thread of a test that ends before it is ready.
process.exit(1);
