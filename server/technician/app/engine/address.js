/** Which e-mail address is asked: the rules of the server, as far as a device can judge them. */

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LOCAL = new RegExp(`^${ATOM}(\\.${ATOM})*$`);
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const BLANKS = /^[ \t\u00a0]+|[ \t\u00a0]+$/g;

/**
 * `text` without blanks around it, or null where the server would not take it as one address.
 * @param {string | null | undefined} text
 * @returns {string | null}
 */
export function usableAddress(text) {
  const trimmed = (text ?? '').replace(BLANKS, '');
  const [local, domain, ...others] = trimmed.split('@');
  if (others.length || !domain || trimmed.length > 254 || local.length > 64) return null;
  return LOCAL.test(local) && isHost(domain) ? trimmed : null;
}

/** A name of at least two labels; what is not ASCII is judged in its encoded form. */
function isHost(domain) {
  if (/[\s/?#:@\\[\]%]/.test(domain)) return false;
  try {
    const host = new URL(`http://${domain}`).hostname;
    const labels = host.split('.');
    const last = labels[labels.length - 1];
    return labels.length > 1 && labels.every((label) => LABEL.test(label)) && /[a-z]/.test(last);
  } catch {
    return false;
  }
}
