// Checks that a server has as many routes as its point says. Without them the series would show a flat line.

/**
 * Requests the last route of `/more/0`, `/more/2`, and so on, and one that would follow.
 * @param count the value of BENCH_ROUTES with which the server was started
 * @throws Error when the server has fewer routes, or more
 */
export async function checkRoutes(url: string, count: number): Promise<void> {
  await expectStatus(url, count, count - 2, 200);
  await expectStatus(url, count, count, 404);
}

async function expectStatus(url: string, count: number, n: number, expected: number): Promise<void> {
  const response = await fetch(`${url}/more/${n}`);
  await response.arrayBuffer();
  if (response.status === expected) return;
  throw new Error(
    `a server with BENCH_ROUTES=${count} responded with ${response.status} to /more/${n}, not with ${expected}: it does not have ${count} more routes`,
  );
}
