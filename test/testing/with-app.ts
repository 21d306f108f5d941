// A test app for one test, closed also when the test fails.
import { createTestApp, type TestApp, type TestAppOptions } from '#src/testing.js';

export async function withApp<T>(options: TestAppOptions, use: (app: TestApp) => Promise<T>): Promise<T> {
  const app = await createTestApp(options);
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}
