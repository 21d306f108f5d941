// Faults in what keeps a state or a text: breakers, ejections, claims, names, pages, the census of
// connections.
import * as breaker from '../checks/breaker.js';
import * as census from '../checks/census.js';
import * as claims from '../checks/claims.js';
import * as ejection from '../checks/ejection.js';
import * as names from '../checks/names.js';
import * as pages from '../checks/pages.js';
import { type PlantedFault, planted } from './planted.js';

export const PLANTED_IN_STATES: readonly PlantedFault[] = [
  planted(
    'a breaker that lets one probe too many through',
    breaker.ignoredProbe,
    'breaker-cell',
    'if (takenOf(low) < this.#rule.probes)',
    'if (takenOf(low) <= this.#rule.probes)',
  ),
  planted(
    'a probe that is stuck for ever',
    breaker.lostProbe,
    'breaker-cell',
    'if (elapsed(now, since) < this.#rule.probeMs)',
    'if (now !== undefined)',
  ),
  planted(
    'a breaker that refuses a thread before it looks whether its probe before was interrupted',
    breaker.probesAfterInterruption,
    'breaker-cell',
    'this.#probes.isOwed(slot) && this.#probes.census(slot)',
    'this.#words.isOwed(slot) && this.#probes.census(slot)',
  ),
  planted(
    'a breaker that closes by a success of a past period',
    breaker.lateProbe,
    'breaker-cell',
    'if (epochOf(low) !== epoch || takenOf(low) === succeededOf(low))',
    'if (false)',
  ),
  planted(
    'a breaker that forgets its probes when they are out of time',
    breaker.lateProbes,
    'breaker-cell',
    'inMode(low, OPEN)',
    'following(low, OPEN)',
  ),
  planted(
    'a breaker that loses the permit of a probe that ends out of time and says nothing',
    breaker.lateProbes,
    'breaker-cell',
    ': low - TAKEN',
    ': low',
  ),
  planted(
    'a breaker that opens by calls of before a reset',
    breaker.otherEndpoint,
    'breaker-cell',
    'if (epochOf(low) !== epoch || modeOf(low) !== CLOSED)',
    'if (false)',
  ),
  planted(
    'a window that stores its count, so that a failure is lost',
    breaker.opensOnce,
    'breaker-window',
    'if (Atomics.compareExchange(words, index, old, next) === old)',
    'if (Atomics.store(words, index, next) === next)',
  ),
  planted(
    'a window that is said to be clean before it is',
    breaker.staleWindow,
    'breaker-window',
    'const last = Atomics.load(this.#words, index);',
    'const last = Atomics.load(this.#words, index); Atomics.compareExchange(this.#words, index, last, span);',
  ),
  planted(
    'a lost worker whose reclaiming frees the calls of all',
    claims.singleFlight,
    'call-claims',
    '(word & SLOT_MASK) === slot',
    'true',
  ),
  planted(
    'an ejection that does not take its turn',
    ejection.half,
    'ejection-cells',
    'if (Atomics.compareExchange(this.#wholeTurn, 0, turn, mine) === turn)',
    'if (Atomics.store(this.#wholeTurn, 0, mine) === mine)',
  ),
  planted(
    'a turn of the past that ejects',
    ejection.pastTurn,
    'ejection-cells',
    ' && BigInt(sequenceOf(low)) === turn >> 32n',
    '',
  ),
  planted(
    'a turn that ejects once it is seen to be still that, though it may end before',
    { ...ejection.pastTurn, interruptions: 3 },
    'ejection-cells',
    'BigInt(sequenceOf(low)) === turn >> 32n',
    'this.version() === number',
  ),
  planted(
    'a turn that nobody ends, so that others help for ever',
    ejection.half,
    'ejection-cells',
    'Atomics.compareExchange(this.#turn, 0, turn, (turn + CHANGE) & ~TURN_MASK);',
    '',
  ),
  planted(
    'numbers of a name that the last thread decides',
    names.terms,
    'names',
    'Atomics.compareExchange(words, index, 0, term + 1);',
    'Atomics.load(words, index); if (before === 0) Atomics.store(words, index, term + 1);',
  ),
  planted(
    'a name that is written over another one with the same hash',
    names.twins,
    'names',
    'Atomics.compareExchange(written, index, 0, word);',
    'Atomics.exchange(written, index, word) && word;',
  ),
  planted(
    'a name that takes a row for its own without a look at how long the name there is',
    names.prefixes,
    'names',
    'return before === 0 || before === length;',
    'return true;',
  ),
  planted(
    'a slot that two threads give back',
    names.slots,
    'part',
    'if (Atomics.compareExchange(words, 0, user, reclaimerOf(threadId)) !== user)',
    'if (Atomics.store(words, 0, reclaimerOf(threadId)) === 0)',
  ),
  planted(
    'a snapshot that is written over the one that is read',
    pages.snapshot,
    'snapshot-page',
    '((version >> 1) & 1)',
    '0',
  ),
  planted(
    'a reader that does not look whether its page was written again',
    pages.snapshot,
    'snapshot-page',
    'if (((Atomics.load(this.#version, 0) - version) | 0) > 2)',
    'if (false)',
  ),
  planted(
    'a reader that waits for a writer in the middle of a text',
    pages.snapshot,
    'snapshot-page',
    'if (((Atomics.load(this.#version, 0) - version) | 0) > 2)',
    'if (Atomics.load(this.#version, 0) !== version)',
  ),
  planted(
    'a carry whose halves are stored one after the other',
    pages.wide,
    'wide',
    '/ TWO_32);\n    Atomics.store(bitsOf(words), at >> 1, bits[0]);',
    '/ TWO_32); Atomics.store(words, at + LOW, halves[LOW] | 0); Atomics.store(words, at + HIGH, halves[HIGH] | 0);',
  ),
  planted(
    'a reader of requests that looks at the head once',
    pages.flights,
    'flight-recorder',
    'if (Atomics.load(words, at + HEAD) !== head)',
    'if (false)',
  ),
  planted(
    'a count of connections that nobody is woken for',
    census.asked,
    'connection-shares',
    'Atomics.notify(this.#asked, 0);',
    '{}',
  ),
  planted(
    'a count of connections that takes what opens meanwhile for what was there',
    census.census,
    'connection-shares',
    'cells[low & (CELLS - 1)] += count;',
    'cells[low & (CELLS - 1)] += count - this.#cells.othersNow()[low & (CELLS - 1)] - cells[low & (CELLS - 1)];',
  ),
];
