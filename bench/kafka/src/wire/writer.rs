//! Writing postcard.

/// A record in the making.
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    pub(super) fn one(&mut self, byte: u8) -> &mut Self {
        self.bytes.push(byte);
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        let mut rest = number;
        while rest >= 0x80 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.one(rest.to_le_bytes()[0])
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn option(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.one(1).bytes(bytes),
            None => self.one(0),
        }
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.bytes
    }
}
