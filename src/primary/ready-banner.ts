// What a person at a terminal reads below the ready line. Programs get the ready line alone.
import { counted } from '../counted.js';

export interface BannerFacts {
  readonly version: string;
  readonly workers: number;
  readonly services: readonly string[];
  /** URLs of both planes. */
  readonly dataPlane: string;
  readonly adminPlane: string;
}

/** Whether a person reads standard error: it is a terminal, and no supervisor is the parent. */
export const hasReader = ({ stderr, send }: Pick<NodeJS.Process, 'stderr' | 'send'>): boolean =>
  stderr.isTTY === true && send === undefined;

export function bannerText({ version, workers, services, dataPlane, adminPlane }: BannerFacts): string {
  const rows = [
    ['address', dataPlane],
    ['services', services.join(', ')],
    ['dashboard', `${adminPlane}/`],
    ['admin', `multilane ps --admin ${adminPlane}`],
    ['stop', 'Ctrl-C drains and stops; a second one stops at once'],
  ];
  const lines = rows.map(([name = '', value]) => `  ${name.padEnd(9)}  ${value}`);
  return `\n  Multilane ${version}, ${counted(workers, 'worker')}\n\n${lines.join('\n')}\n\n`;
}
