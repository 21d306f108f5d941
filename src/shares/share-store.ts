// The contract of what the members of an epoch agree through: a few texts by name that all of them read, each
// of which is replaced on condition that it has not changed. Implementations: postgres-share-store.ts,
// etcd-share-store.ts. test/conformance/share-stores.test.ts runs the same cases over both.

/** A text with the version that a replacement must name. */
export interface StoredText {
  readonly text: string;
  readonly version: string;
}

export type StoredTexts = ReadonlyMap<string, StoredText>;

export interface ShareStore {
  /**
   * All texts, as they were at one moment after this was called: a text of before would give a member a share
   * that it does not have any more. A text that has not changed since the last reading is not sent again.
   * @throws Error when the store cannot be reached
   */
  read(): Promise<StoredTexts>;
  /**
   * Stores a text in the place of that version.
   * @param version undefined: where there is none of this name
   * @returns false when another text was stored meanwhile
   * @throws Error when there is no response: the text may have been stored, or may be stored later
   */
  replace(name: string, version: string | undefined, text: string): Promise<boolean>;
  /** Removes a text, unless it has changed. @throws Error when there is no response */
  remove(name: string, version: string): Promise<void>;
  /** Ends the connection. Never rejects. */
  close(): Promise<void>;
}
