// Whether a path is in a folder.
import { join, sep } from 'node:path';

/**
 * Whether a path is below a folder; a folder is not below itself. Both are absolute, without `..`.
 * @example isBelow('/shop/dist', '/shop') // true
 */
export const isBelow = (path: string, folder: string): boolean => path.startsWith(join(folder, sep));
