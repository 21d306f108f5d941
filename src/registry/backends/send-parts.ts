// Sends items in parts that a backend can take at once, so that what it refuses keeps no others out.

export interface Sending<T> {
  readonly post: (part: readonly T[]) => Promise<void>;
  /** One item alone is refused. */
  readonly refused: (item: T, reason: string) => void;
  /** Whether an error means that the backend does not admit what it was given, and not that it is lost. */
  readonly isRefusal: (error: unknown) => boolean;
  /** Whether the rest is to be left to the next turn. */
  readonly isOver: () => boolean;
}

/** Divides parts that the backend refuses, until one item alone is refused. @throws Error when it is lost */
export async function sendParts<T>(items: readonly (readonly T[])[], sending: Sending<T>): Promise<void> {
  const { post, refused, isRefusal, isOver } = sending;
  const parts = items.toReversed();
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    if (part.length === 0) continue;
    try {
      await post(part);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const half = part.length >> 1;
      if (half > 0) {
        parts.push(part.slice(half), part.slice(0, half));
        continue;
      }
      refused(part[0]!, (error as Error).message);
    }
    if (isOver()) return;
  }
}
