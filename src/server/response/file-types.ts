// The media types of files, by the ends of their names.
import { lazyModule } from '../../lazy-module.js';

interface Names {
  getType(path: string): string | null;
}

export class FileTypes {
  readonly #load = lazyModule(() => import('mime/lite'));
  #names: Names | undefined;

  /** @returns a promise until the table is loaded */
  of(path: string): string | Promise<string> {
    return this.#names === undefined ? this.#first(path) : typeBy(this.#names, path);
  }

  async #first(path: string): Promise<string> {
    const { default: names } = await this.#load();
    this.#names = names;
    return typeBy(names, path);
  }
}

function typeBy(names: Names, path: string): string {
  const type = names.getType(path) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
