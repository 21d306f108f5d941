// The loop that all shared registries have in common, over a link that is scripted.
import type { Announced, BackendEvents, FoundInstance } from '#src/registry/backends/backend.js';
import { BackendLoop } from '#src/registry/backends/backend-loop.js';
import { until } from '#test/support/until.js';

export const refusal = (): Error => Object.assign(new Error('not admitted'), { isRefusal: true });
export const instance = (id: string, weight = 1): Announced => ({
  service: 'orders',
  id,
  body: { weight, state: 'healthy' },
  isLocal: false,
  isStatic: false,
  isExpired: () => false,
});

export class Scripted extends BackendLoop<object> {
  readonly kind = 'scripted';
  readonly posted: string[] = [];
  readonly events: string[] = [];
  worked = 0;
  links = 0;
  link: object = {};
  ended = 0;
  ending: Promise<void> = Promise.resolve();
  isCut = false;
  onCut: () => void = () => undefined;
  connecting: () => void = () => undefined;
  connected: Promise<void> = Promise.resolve();
  post: (ids: readonly string[]) => Promise<void> | void = () => undefined;

  constructor(
    readonly sizeOfPart: number,
    ttlSeconds: number,
  ) {
    super({ owner: 'here', ttlSeconds, random: () => 0 });
    const event =
      (name: string) =>
      (...args: readonly unknown[]) =>
        void this.events.push([name, ...args].filter((arg) => typeof arg === 'string').join(' '));
    const names = ['listed', 'found', 'left', 'rejected', 'available', 'unavailable'] as const;
    this.start(Object.fromEntries(names.map((name) => [name, event(name)])) as unknown as BackendEvents);
  }

  protected override async connect(): Promise<object> {
    this.connecting();
    await this.connected;
    this.links += 1;
    this.link = {};
    return this.link;
  }

  protected override async work(): Promise<void> {
    this.worked += 1;
    if (this.isRenewalDue) this.hasRenewed();
    const due = this.own.takeDue(this.clock());
    const parts = due.flatMap((_, at) =>
      at % this.sizeOfPart === 0 ? [due.slice(at, at + this.sizeOfPart)] : [],
    );
    await this.send(parts, async (part) => {
      const ids = part.map(({ id }) => id);
      await this.post(ids);
      this.hasAnnounced(part);
      this.posted.push(ids.join(' '));
    });
  }

  protected override dueInMs(): number {
    return 60_000;
  }

  protected override isRefusal(error: unknown): boolean {
    return (error as { isRefusal?: boolean }).isRefusal === true;
  }

  protected override async end(): Promise<void> {
    this.ended += 1;
    await this.ending;
  }

  protected override cut(): void {
    this.isCut = true;
    this.onCut();
  }

  due(ms: number): void {
    this.wake(ms);
  }

  /** A planned link is due, or the renewal. */
  relinkNow(): void {
    this.relinkAt = 0;
    this.wake();
  }

  loseLink(): void {
    this.lost(this.link, new Error('lost'));
  }

  /** The backend refuses an instance, and is asked again soon. */
  refuseNow(id: string): void {
    this.refuse(`orders ${id}`, 'no room', 20);
    this.wake();
  }

  renewNow(): void {
    this.renewAt = 0;
  }

  /** What the backend tells of instances. */
  tell(event: 'gone' | 'expired', id: string): void {
    this[event](`orders ${id}`);
    this.wake();
  }

  tellOf(id: string, members: Partial<FoundInstance> = {}): void {
    this.found({ service: 'orders', id, body: {}, isLocal: false, ...members });
    this.wake();
  }

  tellAll(ids: readonly string[], isComplete = true): void {
    const others = ids.map((id) => ({ service: 'orders', id, body: {}, isLocal: false, version: '1' }));
    this.listed(others, isComplete);
  }

  waiting(most: number): readonly string[] {
    return this.toWithdraw.due(this.clock(), most).map(([key]) => key);
  }

  get removals(): readonly unknown[] {
    return this.toWithdraw.due(this.clock(), 100).map(([key, removed]) => {
      const { since: _, ...known } = removed!;
      return [key, known];
    });
  }
}

/** Loops that end with each test. @returns what makes one */
export function useLoops(): (sizeOfPart: number, ttlSeconds?: number) => Scripted {
  const loops: Scripted[] = [];
  afterEach(() => Promise.all(loops.splice(0).map((loop) => loop.close())));
  return (sizeOfPart, ttlSeconds = 60) => {
    const loop = new Scripted(sizeOfPart, ttlSeconds);
    loops.push(loop);
    return loop;
  };
}

export const posts = (loop: Scripted, count: number): Promise<readonly string[]> =>
  until(
    () => loop.posted,
    ({ length }) => length >= count,
  );
