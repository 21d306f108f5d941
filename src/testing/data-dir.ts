// A DATA_DIR that a test has for itself, and removes.
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder. Started by root, PostgreSQL runs as another account and must pass through. */
export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-test-'));
  chmodSync(folder, 0o711);
  return folder;
}
