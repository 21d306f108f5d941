// Two machines with a network between them: network namespaces of Linux with one end of a link in each.
import { execFileSync, spawnSync } from 'node:child_process';
import { markPending } from './pending.js';

/** A machine. Files, and with them Unix sockets, are those of the machine that runs the tests. */
export interface Machine {
  readonly address: string;
  /** Program and arguments through which a program runs there. */
  readonly within: readonly string[];
}

const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });

/** Marks a test, or the suite of a `before` hook, as pending where namespaces cannot be made. */
export function needsNamespaces(context: Mocha.Context): void {
  const name = `multilane-${process.pid}-try`;
  if (spawnSync('ip', ['netns', 'add', name]).status === 0) {
    ip('netns', 'delete', name);
    return;
  }
  markPending(context, 'needs iproute2 and the right to make network namespaces');
}

/** @returns the two, and what removes them once nothing runs there */
export function makeTwoMachines(): {
  readonly machines: readonly [Machine, Machine];
  readonly remove: () => void;
} {
  const names = ['a', 'b'].map((end) => `multilane-${process.pid}-${end}`) as [string, string];
  for (const name of names) ip('netns', 'add', name);
  const [a, b] = names;
  ip('link', 'add', 'link0', 'netns', a, 'type', 'veth', 'peer', 'name', 'link0', 'netns', b);
  const machines = names.map((name, at): Machine => {
    const address = `10.77.0.${at + 1}`;
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'link0');
    for (const device of ['lo', 'link0']) ip('-n', name, 'link', 'set', device, 'up');
    return { address, within: ['ip', 'netns', 'exec', name] };
  });
  return {
    machines: machines as [Machine, Machine],
    remove() {
      for (const name of names) ip('netns', 'delete', name);
    },
  };
}
