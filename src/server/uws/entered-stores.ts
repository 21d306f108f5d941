// Keeps what one request enters from the next one. All callbacks of the core run in one asynchronous context.
// Up to Node.js 22 that context is an object, and a store that code of a service enters there for the rest of
// a callback (`AsyncLocalStorage.enterWith`) stays in it for every later callback of the thread: a tenant
// would be seen by the requests of others. So the context is emptied before the next callback. The method
// `run` needs no care, because it leaves what it has entered.
import { AsyncLocalStorage } from 'node:async_hooks';
import { emptyStores } from '../../scope.js';

interface Watched {
  isEntered: boolean;
}

/** Where the method that is watched has its state: one for all servers of a thread. */
const WATCHED = Symbol.for('multilane.entered-stores');

type EnterWith = ((this: AsyncLocalStorage<unknown>, store: unknown) => void) & { [WATCHED]?: Watched };

export class EnteredStores {
  readonly #watched = watched();

  /** Call at the beginning of a callback of the core. It costs nothing unless a store was entered. */
  leave(): void {
    if (!this.#watched.isEntered) return;
    this.#watched.isEntered = false;
    emptyStores();
  }
}

/** Notes calls of `enterWith` in this thread. */
function watched(): Watched {
  const storages = AsyncLocalStorage.prototype as { enterWith: EnterWith };
  const enterWith = storages.enterWith;
  const known = enterWith[WATCHED];
  if (known !== undefined) return known;
  const state = { isEntered: false };
  const noting: EnterWith = function (store) {
    state.isEntered = true;
    enterWith.call(this, store);
  };
  storages.enterWith = Object.assign(noting, { [WATCHED]: state });
  return state;
}
