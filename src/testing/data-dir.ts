// The temporary DATA_DIR of a test. The caller removes the folder.
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Creates a folder that other accounts may enter: when root starts PostgreSQL, it runs under another account.
 */
export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-test-'));
  chmodSync(folder, 0o711);
  return folder;
}
