import type { apiPage } from './page.mjs';

export function readDeclarations(): NonNullable<Parameters<typeof apiPage>[0]>;
