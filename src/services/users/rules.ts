// The business rules of users, without I/O.
import { BusinessError } from 'multilane';

/** Two users never share an e-mail address, whatever its case. */
export const emailTaken = (): BusinessError =>
  new BusinessError('EMAIL_TAKEN', 'Another user has this e-mail address.');
