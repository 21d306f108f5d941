// The names of the services of the reference shop. They are loaded only where they are needed: the shop has
// two dozen modules, and most projects never run it.

export async function shopNames(): Promise<readonly string[]> {
  const { referenceShop } = await import('../services/catalog.js');
  return referenceShop.map(({ name }) => name);
}
