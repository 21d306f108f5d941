// The states that every view of data has: loading, failed, empty, and shown although it could not be renewed.
import type { ComponentChildren } from 'preact';
import type { ApiError } from '../core/api.js';
import { clock, plain } from '../core/format.js';
import type { Loaded } from '../core/use-live.js';

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry: () => void }) {
  return (
    <div class="failure" role="alert">
      <p class="empty-title">{headingOf(error)}</p>
      <p>{plain(error.message)}</p>
      {error.status === 0 ? null : (
        <p class="quiet mono">
          {error.status} {plain(error.code)}
          {error.traceId === null ? '' : ` · trace ${plain(error.traceId)}`}
        </p>
      )}
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

function headingOf({ status }: ApiError): string {
  if (status === 0) return 'No figures from the process';
  if (status === 404) return 'Nothing is here';
  if (status === 429) return 'Too many requests';
  return status >= 500 ? 'The process failed to respond' : 'The process refused the request';
}

interface DataProps<Data> {
  readonly from: Loaded<Data>;
  readonly children: (data: Data) => ComponentChildren;
}

/** Shows data once it is there. Old data stays visible, marked as such, while it cannot be renewed. */
export function Data<Shown>({ from, children }: DataProps<Shown>) {
  const { data, error, at, reload } = from;
  if (data === undefined) return error === undefined ? <Loading /> : <Failure error={error} retry={reload} />;
  return (
    <>
      {error === undefined ? null : (
        <p class="stale" role="status">
          Not renewed since {clock(at)}: {plain(error.message)}
        </p>
      )}
      {children(data)}
    </>
  );
}

export const Loading = () => (
  <div class="loading" aria-busy="true">
    <span class="bar" />
    <span class="bar" />
    <span class="bar" />
    <span class="unseen">Loading</span>
  </div>
);
