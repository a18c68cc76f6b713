//! An address as a QR code, drawn as one path, so that the page needs neither an image nor a script.

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};

/// White around the code, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QrDrawing {
    /// The side of the square with its quiet zone, in modules.
    pub(super) side: usize,
    /// The dark modules, as an SVG path whose unit is a module.
    pub(super) path: String,
}

impl QrDrawing {
    /// The code of `address`. A screen neither tears nor stains, so the least correction will do, for larger modules.
    ///
    /// # Errors
    /// The address is longer than a code can hold: 2,953 bytes.
    pub(super) fn new(address: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(address, EcLevel::L)?;
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(Color::eq) {
                if run[0] == Color::Dark {
                    let (x, y, length) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                    path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
                }
                x += run.len();
            }
        }
        Ok(Self { side: width + 2 * QUIET_ZONE, path })
    }
}

/// Reads codes with a decoder that shares nothing with the encoder.
#[cfg(test)]
pub(super) mod reading {
    /// The text that a scanner sees in the drawing: `path` on white, in a square of `side` modules.
    pub(in crate::landing) fn scan(side: usize, path: &str) -> String {
        const PIXELS: usize = 4;
        let mut dark = vec![false; side * side];
        for run in path.split('M').skip(1) {
            let (at, rest) = run.split_once('h').expect("a run");
            let (x, y) = at.split_once(' ').expect("a place");
            let (x, y): (usize, usize) = (x.parse().expect("x"), y.parse().expect("y"));
            let length: usize = rest.split_once('v').expect("a length").0.parse().expect("a length");
            assert_eq!(rest, format!("{length}v1h-{length}z"));
            assert!(x + length <= side);
            dark[y * side + x..y * side + x + length].fill(true);
        }
        let mut seen = rqrr::PreparedImage::prepare_from_greyscale(side * PIXELS, side * PIXELS, |x, y| {
            if dark[y / PIXELS * side + x / PIXELS] { 0 } else { 255 }
        });
        let grids = seen.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().expect("a code").1
    }
}

#[cfg(test)]
mod tests {
    use super::reading::scan;
    use super::*;

    #[test]
    fn a_scanner_reads_the_address() {
        for address in [
            "https://links.example.com/".to_owned(),
            format!(
                "https://links.example.com/p?page=commauth/index&token={}&_env=prod",
                "aZ0-_.".repeat(32)
            ),
            format!("https://links.example.com/{}", "x".repeat(1_000)),
        ] {
            let code = QrDrawing::new(&address).expect("fits");
            assert_eq!(scan(code.side, &code.path), address);
        }
    }

    #[test]
    fn four_modules_around_the_code_are_white() {
        let code = QrDrawing::new("https://links.example.com/").expect("fits");
        assert_eq!(code.side, 25 + 8);
        assert!(code.path.starts_with("M4 4h7v1h-7z"), "{}", code.path);
        assert!(!code.path.contains("M3 ") && !code.path.contains(" 3h") && !code.path.contains(" 29h"));
    }

    #[test]
    fn what_no_code_can_hold_is_an_error() {
        assert_eq!(QrDrawing::new(&"x".repeat(2_953)).map(|code| code.side), Ok(177 + 8));
        assert_eq!(QrDrawing::new(&"x".repeat(2_954)), Err(QrError::DataTooLong));
    }
}
