// A worker thread that ends before it can serve.
process.exit(1);
