// The media types of files, by the ends of their names.
import { lazyModule } from '../../lazy-module.js';

export class FileTypes {
  readonly #load = lazyModule(() => import('mime/lite'));

  async of(path: string): Promise<string> {
    const { default: names } = await this.#load();
    const type = names.getType(path) ?? 'application/octet-stream';
    return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
  }
}
