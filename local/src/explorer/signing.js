// Signatures in the browser: RSA and HMAC by WebCrypto, MD5 by code of our own, which WebCrypto lacks.
"use strict";

const signing = (() => {
  const encoder = new TextEncoder();
  const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const unbase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  /** A length and a value of DER. */
  const der = (tag, value) => {
    const length = value.length < 128 ? [value.length] : [0x82, value.length >> 8, value.length & 255];
    return [tag, ...length, ...value];
  };

  /** The key's PKCS#8 bytes, from PEM or bare Base64 of PKCS#8 or PKCS#1. */
  const pkcs8 = (text) => {
    const bare = text.replace(/-----[^-]+-----/g, "").replace(/\s+/g, "");
    const bytes = unbase64(bare);
    // PKCS#8 has a sequence after its version, PKCS#1 a number.
    const isPkcs8 = bytes[0] === 0x30 && bytes[1] === 0x82 && bytes[7] === 0x30;
    if (isPkcs8) return bytes;
    const rsaEncryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    return Uint8Array.from(der(0x30, [0x02, 0x01, 0x00, ...rsaEncryption, ...der(0x04, bytes)]));
  };

  const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
  const sines = Array.from({ length: 64 }, (_, index) => Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) | 0);

  /** MD5 (RFC 1321) in upper-case hex. */
  const md5 = (bytes) => {
    const length = ((bytes.length + 8) >> 6) * 64 + 64;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(length - 8, bytes.length << 3, true);
    view.setUint32(length - 4, bytes.length >>> 29, true);
    let state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
    for (let block = 0; block < length; block += 64) {
      let [a, b, c, d] = state;
      for (let step = 0; step < 64; step += 1) {
        const round = step >> 4;
        const mixed = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round];
        const word = [step, 5 * step + 1, 3 * step + 5, 7 * step][round] % 16;
        const sum = (a + mixed + sines[step] + view.getUint32(block + 4 * word, true)) | 0;
        const shift = shifts[round * 4 + (step % 4)];
        [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
      }
      state = [state[0] + a, state[1] + b, state[2] + c, state[3] + d].map((part) => part | 0);
    }
    const digest = new DataView(new ArrayBuffer(16));
    state.forEach((part, index) => digest.setUint32(4 * index, part, true));
    return Array.from(new Uint8Array(digest.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
  };

  const hasWebCrypto = Boolean(globalThis.isSecureContext && globalThis.crypto?.subtle);

  /** The signature of `text` by a key that stays here. */
  const own = async (kind, text, key) => {
    const bytes = encoder.encode(text);
    if (kind === "MD5") return md5(encoder.encode(text + key.trim()));
    const [format, material, algorithm] =
      kind === "HMAC-SHA1"
        ? ["raw", encoder.encode(`${key.trim()}&`), { name: "HMAC", hash: "SHA-1" }]
        : ["pkcs8", pkcs8(key), { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }];
    const imported = await crypto.subtle.importKey(format, material, algorithm, false, ["sign"]);
    return base64(new Uint8Array(await crypto.subtle.sign(algorithm.name, imported, bytes)));
  };

  return { hasWebCrypto, md5: (text) => md5(encoder.encode(text)), own };
})();
