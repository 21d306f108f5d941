// Structured clone in which some buffers are moved instead of copied. Node.js writes the bytes of every view
// into the clone. For a view of a moved buffer, these classes write the buffer and its part only.
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';

type ViewClass = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

/** The classes of views in the order of their numbers in the clone. */
const VIEWS = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** The number of `Buffer`, which is a Uint8Array with more methods. */
const BUFFER = VIEWS.length;

/** A view follows as Node.js writes it, or as a part of a moved buffer. */
const COPIED = 0;
const MOVED = 1;

/** The member by which `node:v8` writes views; its types omit it. */
interface ViewWriter extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void;
}

/** The member by which `node:v8` reads views. */
interface ViewReader extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView;
}

const Serializer = DefaultSerializer as unknown as new () => ViewWriter;
const Deserializer = DefaultDeserializer as unknown as new (data: Uint8Array) => ViewReader;

export class MovingSerializer extends Serializer {
  /** The number of each moved buffer. */
  readonly #ids: ReadonlyMap<unknown, number>;

  constructor(moved: readonly ArrayBuffer[]) {
    super();
    this.#ids = new Map(moved.map((buffer, id) => [buffer, id]));
    for (const [id, buffer] of moved.entries()) this.transferArrayBuffer(id, buffer);
  }

  /** `node:v8` calls it for every view. */
  override _writeHostObject(view: ArrayBufferView): void {
    const id = this.#ids.get(view.buffer) ?? -1;
    const kind = Buffer.isBuffer(view) ? BUFFER : VIEWS.findIndex((View) => view instanceof View);
    this.writeUint32(id >= 0 && kind >= 0 ? MOVED : COPIED);
    if (id < 0 || kind < 0) {
      super._writeHostObject(view);
      return;
    }
    this.writeUint32(id);
    this.writeUint32(kind);
    this.writeUint64(...halves(view.byteOffset));
    this.writeUint64(...halves(view instanceof DataView ? view.byteLength : lengthOf(view)));
  }
}

export class MovingDeserializer extends Deserializer {
  readonly #moved: readonly ArrayBuffer[];

  constructor(data: Uint8Array, moved: readonly ArrayBuffer[]) {
    super(data);
    this.#moved = moved;
    for (const [id, buffer] of moved.entries()) this.transferArrayBuffer(id, buffer);
  }

  /** `node:v8` calls it for every view. */
  override _readHostObject(): ArrayBufferView {
    if (this.readUint32() === COPIED) return super._readHostObject();
    const buffer = this.#moved[this.readUint32()]!;
    const kind = this.readUint32();
    const [offset, length] = [whole(this.readUint64()), whole(this.readUint64())];
    if (kind === BUFFER) return Buffer.from(buffer, offset, length);
    return new (VIEWS[kind] as unknown as ViewClass)(buffer, offset, length);
  }
}

const lengthOf = (view: ArrayBufferView): number => (view as Uint8Array).length;

const halves = (value: number): [number, number] => [Math.floor(value / 2 ** 32), value >>> 0];

const whole = ([high, low]: readonly number[]): number => high! * 2 ** 32 + low!;
