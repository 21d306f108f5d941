// What is shown instead of a page while the admin plane wants a token.
import { useRef, useState } from 'preact/hooks';
import { ApiError, read } from '../core/api.js';
import { plain } from '../core/format.js';
import { session, signIn, signOut } from '../core/session.js';
import { useSignal } from '../core/signal.js';
import { Heading } from './ui.js';

export function TokenForm() {
  const { failure } = useSignal(session);
  const field = useRef<HTMLInputElement>(null);
  const [isTrying, setTrying] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '' || isTrying) return;
    setTrying(true);
    const wrong = await faultOf(token);
    setTrying(false);
    if (wrong === undefined) signIn(token);
    else signOut(wrong);
  };
  return (
    <div class="token">
      <Heading title="Token needed" />
      <p>
        This admin plane is protected. Enter the value of <code>ADMIN_TOKEN</code>. It stays in this tab and
        is sent to this process only.
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label class="field">
          <span>Admin token</span>
          <input
            ref={field}
            name="token"
            type="password"
            autoComplete="off"
            required
            aria-invalid={failure !== null}
            aria-describedby="token-failure"
          />
        </label>
        <p id="token-failure" class="fault" role="alert">
          {failure === null ? '' : plain(failure)}
        </p>
        <button type="submit" class="primary" disabled={isTrying}>
          {isTrying ? 'Checking' : 'Continue'}
        </button>
      </form>
    </div>
  );
}

/** @returns why the token cannot be used, in words; undefined when it can */
async function faultOf(token: string): Promise<string | undefined> {
  // A header carries these characters only; others would fail before the request is sent.
  if (!/^[\x21-\x7e]+$/.test(token)) return 'A token has no spaces and no characters outside of ASCII.';
  session.value = { token, isRefused: true, failure: null };
  try {
    await read('/switches');
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return 'The admin plane refused this token.';
    if (error.status === 429)
      return `Too many wrong tokens. Try again in ${error.retryAfterS ?? 60} seconds.`;
    return `The token could not be checked: ${error.message}`;
  }
}
