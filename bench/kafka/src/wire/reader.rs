//! Reading postcard.

use crate::Result;

/// What is left of a record.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&next, rest) = self.rest.split_first().ok_or("a number that is cut off")?;
            self.rest = rest;
            number |= u64::from(next & 0x7f) << shift;
            if next < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than 64 bits".into())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.number()?)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or("a text that is cut off")?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        Ok(std::str::from_utf8(self.bytes()?)?)
    }

    pub(super) fn option(&mut self) -> Result<Option<&'a [u8]>> {
        if self.number()? == 0 { Ok(None) } else { self.bytes().map(Some) }
    }

    /// Takes the bytes that this job always finds here.
    pub(super) fn expect(&mut self, wanted: &[u8]) -> Result<()> {
        self.rest = self.rest.strip_prefix(wanted).ok_or("a record of another kind")?;
        Ok(())
    }
}
