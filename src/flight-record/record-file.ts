// The file of this process: contents are written into two frames in turn, so one of them is always whole.
import type { FileHandle } from 'node:fs/promises';
import { type ProcessIdentity, thisProcess } from '../process/process-identity.js';
import { identityText } from './contents.js';
import { encodeFrame, FRAME_BYTES, FRAMES_AT, frameAt } from './frames.js';
import type { RecordFolder } from './record-folder.js';

export class RecordFile {
  readonly #folder: RecordFolder;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #frame = Buffer.alloc(FRAME_BYTES);
  #sequence = 0;

  private constructor(folder: RecordFolder, name: string, file: FileHandle) {
    this.#folder = folder;
    this.#name = name;
    this.#file = file;
  }

  /**
   * @param self for tests, which play other processes
   * @throws Error when it cannot be made or written
   */
  static async create(
    folder: RecordFolder,
    now = new Date(),
    self: ProcessIdentity = thisProcess(),
  ): Promise<RecordFile> {
    const identity = Buffer.alloc(FRAMES_AT);
    const length = encodeFrame(identity, 0, identityText(self));
    const { name, file } = await folder.create(self.pid, now, identity.subarray(0, length));
    return new RecordFile(folder, name, file);
  }

  get name(): string {
    return this.#name;
  }

  /** @param text at most TEXT_BYTES @throws Error as pwrite(2) does */
  async write(text: string): Promise<void> {
    const sequence = ++this.#sequence;
    const length = encodeFrame(this.#frame, sequence, text);
    const { bytesWritten } = await this.#file.write(this.#frame, 0, length, frameAt(sequence));
    if (bytesWritten < length) throw new Error('the disk is full');
  }

  /** Whether the file is still at its path. */
  isInPlace(): Promise<boolean> {
    return this.#folder.has(this.#name, this.#file);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Closes and removes the file. */
  async remove(): Promise<void> {
    await this.#file.close();
    await this.#folder.remove(this.#name);
  }
}
