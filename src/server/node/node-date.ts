// The value of `Date` in responses, made once a second.
import { httpDate } from '../response/http-date.js';

export class ResponseDate {
  #second = 0;
  #text = '';

  get text(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = httpDate(second * 1000);
    }
    return this.#text;
  }
}
