// Numbers in the query of a request.

/**
 * @returns the value of a whole number in plain digits. NaN for any other text, also for those that
 *   JavaScript takes for numbers: an empty one, `1e3`, `0x10`, ` 5`, `+5`
 */
export const wholeNumberIn = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN);
