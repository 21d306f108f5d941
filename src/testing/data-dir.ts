// The temporary DATA_DIR of a test, which removes it.
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Creates a folder. When root starts PostgreSQL, it runs under another account that must be able to enter.
 */
export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-test-'));
  chmodSync(folder, 0o711);
  return folder;
}
