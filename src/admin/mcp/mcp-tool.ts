// The contract of the tools of `POST /mcp`: what an assistant may ask for, and what it is shown.
import { type Static, type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { counted } from '../../counted.js';
import type { Read } from './plane-reader.js';

export interface Shown {
  /** What the data shows, in words that are written here: no text of a stranger may stand in it. */
  readonly note: string;
  /** Shown as JSON, with marks around the texts of strangers (marked-json.ts). */
  readonly data: unknown;
}

export interface McpTool {
  /** As in `list_routes`; also the label in `multilane_mcp_calls_total`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The patterns of the GET routes that it needs. A plane that lacks one of them does not offer the tool. */
  readonly needs: readonly string[];
  readonly input: TSchema;
  /**
   * Members of its data whose texts the process itself has made, besides those of marked-json.ts, such as the
   * templates of declared routes.
   */
  readonly own?: readonly string[];
  /**
   * @param args has been checked against `input`
   * @throws HttpError as the routes that it reads
   */
  run(args: unknown, read: Read): Promise<Shown>;
}

interface ToolParts<Input extends TProperties> extends Omit<McpTool, 'input' | 'run'> {
  readonly input: Input;
  readonly run: (args: Static<TObject<Input>>, read: Read) => Promise<Shown>;
}

/** Makes a tool whose arguments are typed by its schema. Unknown arguments are refused. */
export function tool<Input extends TProperties>({ input, run, ...rest }: ToolParts<Input>): McpTool {
  return {
    ...rest,
    input: Type.Object(input, { additionalProperties: false }),
    run: (args, read) => run(args as Static<TObject<Input>>, read),
  };
}

/** The argument for the number of items, which most tools have. */
export const limitOf = (most: number, usual: number) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: most,
      default: usual,
      description: 'The most items that are shown.',
    }),
  );

export const text = (description: string, maxLength = 200) =>
  Type.String({ minLength: 1, maxLength, description });

export const oneOf = <Value extends string>(values: readonly Value[], description: string) =>
  Type.Unsafe<Value>(Type.String({ enum: [...values], description, pattern: `^(?:${values.join('|')})$` }));

/** A text as one segment of a path. JSON may contain half of a character, which no path has. */
export const pathSegment = (text: string): string => encodeURIComponent(text.toWellFormed());

/** The objects of a list that a route returned: of `{items: […]}`, or of the list itself. */
export function itemsOf(json: unknown): readonly Readonly<Record<string, unknown>>[] {
  const list = Array.isArray(json) ? json : (json as { readonly items?: unknown } | undefined)?.items;
  return Array.isArray(list) ? (list as Readonly<Record<string, unknown>>[]) : [];
}

/** The first items of a list, and a note about the others. @param what one of them */
export function firstOf(
  items: readonly unknown[],
  limit: number,
  what: string,
): { readonly note: string; readonly items: readonly unknown[] } {
  const rest = items.length - limit;
  const note = `${counted(items.length, what)}${rest > 0 ? `; the first ${limit} are shown` : ''}.`;
  return { note, items: items.slice(0, limit) };
}
