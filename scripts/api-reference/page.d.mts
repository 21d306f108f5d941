interface Declarations {
  /** By their names. */
  readonly exported: ReadonlyMap<
    string,
    { readonly name: string; readonly module: string; readonly comment?: { readonly text: string } }
  >;
  readonly unexported: ReadonlyMap<string, object>;
}
export function apiPage(declarations?: Declarations): string;
export function examplesOf(declarations: Declarations): readonly {
  /** The export that the comment belongs to, or to which the member belongs. */
  readonly owner: string;
  /** Undefined for a type that is not exported. */
  readonly module: string | undefined;
  readonly member: string | undefined;
  readonly text: string;
}[];
