// What has arrived at the other end: which texts of the person the service has taken, and how many of the service's
// texts have come here. After a lost connection the rest is sent again, each once.

const MAX_KEPT = 32; // a person who types more than this during one lost connection has noticed

export class Delivery {
  #sent = 0;
  #answered = 0; // all up to this one were said before the last words that came
  #kept = []; // [number, text], not known to be taken
  #seen = 0;

  /** How many texts of the service have come, for the address of the next dial. */
  get seen() {
    return this.#seen;
  }

  /** A line has left this page. */
  sent(text) {
    this.#sent += 1;
    this.#kept.push([this.#sent, text]);
    this.#kept.splice(0, this.#kept.length - MAX_KEPT);
  }

  /** A text frame of the service, other than `connected`, has come. */
  came() {
    this.#seen += 1;
  }

  /** The agent has answered something. */
  answered() {
    this.#answered = this.#sent;
  }

  /** The service says how many lines it has taken. */
  taken(count) {
    this.#kept = this.#kept.filter(([number]) => number > count);
  }

  /**
   * The service says `connected`; gives the lines to be sent again. Another gateway knows no count: what was answered
   * was taken.
   */
  connected({ resumed, seq, received }) {
    const known = Number.isInteger(received);
    this.taken(known ? received : this.#answered);
    const again = resumed ? this.#kept.map(([, text]) => text) : [];
    this.#sent = resumed && known ? received : 0;
    this.#answered = 0;
    this.#kept = [];
    this.#seen = Number.isInteger(seq) ? seq : 0;
    return again;
  }
}
