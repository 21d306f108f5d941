// Prequal: the load of an endpoint that several processes call is known to the endpoint alone, which reports
// it with its responses (`x-multilane-load`). Its rule of hot and cold: an endpoint is hot when it has more
// requests in flight than most (a quantile of all that were seen). The cold one with the least latency is
// picked; when all are hot, the one with the fewest requests. So latency, which shows how fast an endpoint
// is, decides as long as requests in flight do not show that a queue grows. B. Wydrowski, R. Kleinberg, S.
// Rumble, A. Archer, "Load is not what you should balance: Introducing Prequal", NSDI 2024.
//
// What differs from the paper, which probes endpoints by requests of their own:
// - Reports ride on responses. Picks compare a few endpoints drawn at random, so that all get calls and
//   report; a small part of the picks takes an endpoint without comparing, so that a slow one that has
//   recovered is noticed.
// - The requests in flight that this process itself has sent are counted, not estimated: only those of others
//   are taken from the report, and from the mean of such reports where there is no recent one.
// - A report is a claim. An endpoint has at least the calls of this process and the latency that this process
//   has measured, and one whose calls fail is picked after all others, whatever it reports.
// - Latencies that do not differ much count as equal, and requests in flight decide. The paper compares
//   random probes; here all of few endpoints are compared, and every caller would pick the same one because
//   of noise.
import type { EndpointLook } from '../../memory/endpoint-cells.js';
import type { Endpoint } from '../../registry/endpoint.js';
import type { Random } from '../../resilience/policy.js';
import type { Candidates } from '../candidates.js';
import type { HashCircle } from '../hash-circle.js';
import type { Picker, PickerFactory, ReportedLoad } from '../picker.js';
import { endpointOfKey } from './consistent-hash.js';

/** Up to this number all endpoints are compared. */
const FEW = 6;
/**
 * The number that is drawn of more endpoints. The one that was picked last is compared with them, so a pick
 * that draws only slow ones still finds a fast one. M. Mitzenmacher, B. Prabhakar, D. Shah, "Load Balancing
 * with Memory", 2002.
 */
const DRAWN = 3;
const COMPARED = DRAWN + 1;
/** The share of endpoints that are not hot; the paper recommends 0.6 to 0.9. */
const COLD = 0.84;
/** One of this number of picks takes the first endpoint drawn. */
const UNCOMPARED_EACH = 256;
/** How fast the estimates of quantile and means follow the endpoints that are seen. */
const [QUANTILE_STEP, MEAN_WEIGHT] = [1 / 16, 1 / 64] as const;
/**
 * Latencies up to this factor and these microseconds above the least one are equal to it. A smoothed latency
 * varies by nearly half of its value where times of requests are distributed exponentially.
 */
const [SIMILAR, NOISE_MICROSECONDS] = [2, 1_000] as const;

/** Failures count up to this share of endpoints that fail, as ejection takes out no more than half. */
const MOST_FAILING = 0.5;

const UNKNOWN = -1;

/** The classes of endpoints: one of a lower class is preferred. */
const [IS_COLD, IS_HOT, IS_FAILING] = [0, 1, 2] as const;

class PrequalPicker implements Picker {
  readonly #load: ReportedLoad;
  readonly #random: Random;
  /** The estimated quantile of requests in flight, by weight; UNKNOWN before the first endpoint was seen. */
  #quantile = UNKNOWN;
  /** An endpoint with more requests in flight is hot. */
  #mostCold = 0;
  #meanInFlight = 0;
  /** The share of endpoints that are failing. */
  #meanFailing = 0;
  /** The mean of the calls of other processes, as reported; UNKNOWN before the first report. */
  #meanOthers = UNKNOWN;
  /** Counts picks, so that one of UNCOMPARED_EACH compares nothing. */
  #picks = 0;
  /** The candidates of the pick before. */
  #lastIn: Candidates | undefined;
  // The best endpoint of the pick so far, and the least latency of its class:
  #best = 0;
  #class = 0;
  #inFlight = 0;
  #latency = 0;
  #leastLatency = 0;

  constructor(load: ReportedLoad, random: Random) {
    this.#load = load;
    this.#random = random;
  }

  pickOfKey(circle: HashCircle, key: string, admits: (endpoint: Endpoint) => boolean) {
    return endpointOfKey(circle, key, this.#load, admits);
  }

  pick(candidates: Candidates): Endpoint {
    const { endpoints } = candidates;
    const { length } = endpoints;
    if (length === 1) return endpoints[0]!;
    const [load, random] = [this.#load, this.#random];
    const first = candidates.draw(random());
    this.#picks = (this.#picks + 1) % UNCOMPARED_EACH;
    if (this.#picks === 0) return endpoints[first]!;
    const now = load.now();
    const { slots } = candidates;
    const last = this.#lastIn === candidates ? this.#best : first;
    this.#lastIn = candidates;
    this.#begin(first, candidates.weightAt(first), load.look(slots[first]!, now));
    const isSmall = length <= FEW;
    for (let n = 1; n < (isSmall ? length : COMPARED); n++) {
      const index = isSmall ? (first + n) % length : n === DRAWN ? last : candidates.draw(random());
      this.#compare(index, candidates.weightAt(index), load.look(slots[index]!, now));
    }
    return endpoints[this.#best]!;
  }

  /** Takes the first endpoint of a pick as the best one, and moves the estimates towards it. */
  #begin(index: number, weight: number, look: EndpointLook): void {
    const { others, isFailing } = look;
    this.#meanFailing += ((isFailing ? 1 : 0) - this.#meanFailing) * MEAN_WEIGHT;
    if (others >= 0) {
      const mean = this.#meanOthers === UNKNOWN ? others : this.#meanOthers;
      this.#meanOthers = mean + (others - mean) * MEAN_WEIGHT;
    }
    const inFlight = this.#inFlightOf(look) / weight;
    if (this.#quantile === UNKNOWN) this.#quantile = this.#meanInFlight = inFlight;
    this.#meanInFlight += (inFlight - this.#meanInFlight) * MEAN_WEIGHT;
    const step = this.#meanInFlight * QUANTILE_STEP;
    this.#quantile = Math.max(0, this.#quantile + (inFlight > this.#quantile ? COLD : COLD - 1) * step);
    // The estimate moves up and down by less than a step around a number that many endpoints have.
    this.#mostCold = this.#quantile + step;
    this.#take(index, this.#classOf(look, inFlight), inFlight, look.latency);
    this.#leastLatency = look.latency;
  }

  /** Makes an endpoint the best one of this pick when it is better than those before. */
  #compare(index: number, weight: number, look: EndpointLook): void {
    const { latency } = look;
    const inFlight = this.#inFlightOf(look) / weight;
    const ofClass = this.#classOf(look, inFlight);
    if (ofClass > this.#class) return;
    if (ofClass < this.#class) {
      this.#leastLatency = latency;
      this.#take(index, ofClass, inFlight, latency);
      return;
    }
    const isBetter = this.#isBetter(inFlight, latency);
    if (latency < this.#leastLatency) this.#leastLatency = latency;
    if (isBetter) this.#take(index, ofClass, inFlight, latency);
  }

  #take(index: number, ofClass: number, inFlight: number, latency: number): void {
    this.#best = index;
    this.#class = ofClass;
    this.#inFlight = inFlight;
    this.#latency = latency;
  }

  /** Where half of the endpoints fail, what they share is to blame: the others would get all calls. */
  #classOf({ isFailing }: EndpointLook, inFlight: number): number {
    if (isFailing && this.#meanFailing < MOST_FAILING) return IS_FAILING;
    return inFlight > this.#mostCold ? IS_HOT : IS_COLD;
  }

  /** Compares with the best endpoint so far, of the same class. */
  #isBetter(inFlight: number, latency: number): boolean {
    if (this.#class === IS_COLD) {
      if (latency > similarTo(this.#leastLatency)) return false;
      if (this.#latency > similarTo(latency)) return true;
    }
    return inFlight < this.#inFlight;
  }

  /** Calls of all processes: those of others are the mean where there is no recent report. */
  #inFlightOf({ inFlight, others }: EndpointLook): number {
    return inFlight + (others >= 0 ? others : Math.max(0, this.#meanOthers));
  }
}

const similarTo = (latency: number): number => latency * SIMILAR + NOISE_MICROSECONDS;

export function prequalPicker(load: ReportedLoad, random: Random): PickerFactory {
  return () => new PrequalPicker(load, random);
}
