// The header fields of the two loads. `bare` sends Host alone, as load generators do. `browser` sends what a
// browser behind a proxy sends, which is the load that users have: servers that read all fields pay for it.

export type FieldSet = 'bare' | 'browser';

export const FIELD_SETS: readonly FieldSet[] = ['bare', 'browser'];

const BROWSER: Readonly<Record<string, string>> = {
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36',
  Accept: 'application/json, text/plain, */*',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.7',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'https://shop.example.com/orders?page=3',
  Cookie: 'sid=3f9a1c2e7b5d4a68; theme=dark; _ga=GA1.1.1029384756.1760000000',
  'Sec-Fetch-Dest': 'empty',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Site': 'same-origin',
  'X-Forwarded-For': '203.0.113.42',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'shop.example.com',
  'X-Request-Id': '5f0c2a9e-7d41-4c1b-9a6e-2b8f3d5e7c10',
};

/** The fields of a request beside Host. */
export function fieldsOf(set: FieldSet, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...(set === 'browser' ? BROWSER : {}), ...more };
}
