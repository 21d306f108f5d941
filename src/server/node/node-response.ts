// The response of `node:http`, with a short way for the responses that most requests get: small, whole, and
// while nothing waits in the socket. Node.js makes such a response of several writes, which it corks, and of
// several callbacks of later turns; here it is one write. What follows it on the connection is left to
// Node.js, which is told by the event that it listens for.
import { ServerResponse } from 'node:http';

export class OwnResponse extends ServerResponse {
  /**
   * Sends a whole response. Nothing else may have been written.
   * @param octets head and body, with a character for each byte
   * @returns false when it cannot be sent in this way
   */
  sendWhole(octets: string): boolean {
    const { socket } = this;
    if (socket?.writable !== true || socket.writableLength > 0) return false;
    this.finished = true;
    socket.write(octets, 'latin1');
    this.emit('finish');
    return true;
  }
}
