// The application with all cases and exchanges, which both servers serve.
import { CASES } from './cases.js';
import { EXCHANGES } from './exchanges.js';
import { Stage } from './stage.js';

const STAGES: readonly Stage[] = EXCHANGES.map(() => new Stage());

/** The first segment of a path is the number of its case, or `exchange` before the number of an exchange. */
export function respond(request: Request): unknown {
  const [, first = '', number, side] = new URL(request.url).pathname.split('/');
  if (first !== 'exchange') return CASES[Number(first)]!.handler(request);
  const stage = STAGES[Number(number)]!;
  if (side !== undefined) return atStage(stage, side);
  return EXCHANGES[Number(number)]!.application(request, stage);
}

async function atStage(stage: Stage, side: string): Promise<Response> {
  if (side === 'seen') return Response.json(await stage.seen);
  if (side === 'cue') await stage.cue;
  if (side === 'give-cue') stage.giveCue();
  if (side === 'is-cue-given') {
    const waited = new Promise((resolve) => setImmediate(resolve, false));
    return Response.json(await Promise.race([stage.cue.then(() => true), waited]));
  }
  return Response.json(null);
}
