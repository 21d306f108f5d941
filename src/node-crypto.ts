// `node:crypto`, loaded at first use: Node.js takes longer for it than for all else that `import 'multilane'`
// needs of Node.js.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const nodeCrypto = (): typeof import('node:crypto') =>
  require('node:crypto') as typeof import('node:crypto');
