// What a component shows of the live figures, and of what it reads by itself.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, read } from './api.js';
import { feed, type Topic } from './feed.js';
import { session } from './session.js';
import { useSignal } from './signal.js';

/** The state of data: absent while it is first loaded, kept with the error when it could not be renewed. */
export interface Loaded<Data> {
  readonly data: Data | undefined;
  readonly error: ApiError | undefined;
  readonly at: number;
  readonly reload: () => void;
}

/** Figures come at once when the stream begins; those of a topic that the process cannot compute do not. */
const LATE_MS = 8_000;
const NO_FIGURES = 'The process sends no figures for this page. Its log may say why.';

/** Follows a topic of the event stream. */
export function useLive<Data>(topic: Topic): Loaded<Data> {
  const figures = useSignal(feed.figures(topic));
  const state = useSignal(feed.state);
  const [isLate, setLate] = useState(false);
  useEffect(() => feed.use(topic), [topic]);
  useEffect(() => {
    if (figures !== null) return undefined;
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, [figures === null]);
  const failure =
    state.kind === 'interrupted' ? state.reason : isLate && figures === null ? NO_FIGURES : undefined;
  return {
    data: figures?.data as Data | undefined,
    error: failure === undefined ? undefined : new ApiError(failure),
    at: figures?.at ?? 0,
    reload: () => feed.retry(),
  };
}

export interface ReadOptions {
  /** Milliseconds between the end of one read and the next; 0 reads once. */
  readonly everyMs?: number;
}

/** A read that takes long is repeated less often: it takes at most a tenth of the time. */
const SHARE = 10;
/** Data that should have been renewed this long ago is marked as old. */
const OLD_MS = 5_000;
const NOT_RENEWED = 'The process has sent no newer figures yet.';

interface Kept<Data> {
  readonly path: string | null;
  readonly data: Data | undefined;
  readonly error: ApiError | undefined;
  readonly at: number;
}

/** Reads a path of the admin plane, again and again while the page is seen. @param path null reads nothing */
export function useRead<Data>(path: string | null, { everyMs = 0 }: ReadOptions = {}): Loaded<Data> {
  const nothing = { path, data: undefined, error: undefined, at: 0 };
  const [kept, setKept] = useState<Kept<Data>>(nothing);
  const { token } = useSignal(session);
  const [round, setRound] = useState(0);
  const last = useRef<Kept<Data>>(nothing);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    let timer = 0;
    let age = 0;
    const keep = (changes: Partial<Kept<Data>>): void => {
      const before = last.current.path === path ? last.current : { ...nothing, path };
      last.current = { ...before, ...changes };
      setKept(last.current);
    };
    const markOld = (): void => {
      const { path: of, data, error } = last.current;
      if (of === path && data !== undefined && error === undefined)
        keep({ error: new ApiError(NOT_RENEWED) });
    };
    const watchAge = (): void => {
      clearTimeout(age);
      if (everyMs > 0) age = window.setTimeout(markOld, everyMs + OLD_MS);
    };
    const once = async (): Promise<void> => {
      const began = performance.now();
      let share = SHARE;
      try {
        const data = await read<Data>(path, abort.signal);
        if (abort.signal.aborted) return;
        keep({ data, error: undefined, at: Date.now() });
        watchAge();
      } catch (error) {
        if (abort.signal.aborted) return;
        share = 1;
        keep({ error: error instanceof ApiError ? error : new ApiError(String(error)) });
      }
      const tookMs = performance.now() - began;
      if (everyMs > 0) timer = window.setTimeout(again, Math.max(everyMs, tookMs * share));
    };
    const again = (): void => {
      if (document.hidden) timer = window.setTimeout(again, everyMs);
      else void once();
    };
    watchAge();
    void once();
    return () => {
      clearTimeout(timer);
      clearTimeout(age);
      abort.abort();
    };
  }, [path, everyMs, token, round]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  const { data, error, at } = kept.path === path ? kept : nothing;
  return { data, error, at, reload };
}
