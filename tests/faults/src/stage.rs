//! The stage of a storm: the folder with its keys and documents, and everybody's port.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use local::folder::{Folder, Parties};
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};

use crate::business::{BUSINESSES, Site};
use crate::host::Host;
use crate::network::Port;

/// Everybody's port.
pub struct Ports {
    pub authlink: Arc<Port>,
    pub gateway: Arc<Port>,
    pub plain: Arc<Port>,
    pub sleeper: Arc<Port>,
    pub authority: Arc<Port>,
    pub plain_text: Arc<Port>,
}

/// The folder of the host, and what is in it.
pub struct Stage {
    pub folder: Folder,
    pub path: PathBuf,
    pub parties: Parties,
    pub ports: Ports,
}

impl Stage {
    /// Sets it up in `path`.
    ///
    /// # Errors
    /// A file cannot be written, or there is no port.
    pub fn set(path: &Path) -> io::Result<Self> {
        // Made, and left to the host.
        drop(Folder::make(path)?);
        let folder = Folder::open(path)?;
        let parties = folder.parties()?;
        let port = Port::reserve;
        let ports = Ports {
            authlink: port()?,
            gateway: port()?,
            plain: port()?,
            sleeper: port()?,
            authority: port()?,
            plain_text: port()?,
        };
        let stage = Self { folder, path: path.to_owned(), parties, ports };
        stage.write_businesses(false)?;
        Ok(stage)
    }

    /// Writes the businesses' documents; when it is `calm`, every default address is a good one.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_businesses(&self, calm: bool) -> io::Result<()> {
        let public_key = self.parties.merchant_private_key.to_public_key();
        let public_key = public_key.to_public_key_pem(LineEnding::LF).map_err(io::Error::other)?;
        for business in BUSINESSES {
            let default_at = business.default_at.map(|site| if calm { Site::Plain } else { site });
            let default_url = default_at.map(|site| self.url(site));
            let document =
                business.document(&public_key, &self.parties.merchant_md5_key, default_url.as_deref());
            let file = self.folder.secrets().join(format!("business/{}.json", business.id));
            let beside = file.with_extension("new");
            fs::write(&beside, document.to_string())?;
            fs::rename(beside, file)?;
        }
        Ok(())
    }

    /// The address for callbacks at a site.
    #[must_use]
    pub fn url(&self, site: Site) -> String {
        format!("{}/callback", self.origin(site))
    }

    /// authlink, as everybody calls it.
    #[must_use]
    pub fn origin_of_authlink(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.authlink.number())
    }

    fn origin(&self, site: Site) -> String {
        let here = |scheme: &str, port: &Port| format!("{scheme}://127.0.0.1:{}", port.number());
        match site {
            Site::Plain => here("http", &self.ports.plain),
            Site::Sleeper => here("http", &self.ports.sleeper),
            Site::UnknownAuthority => here("https", &self.ports.authority),
            Site::PlainTextForTls => here("https", &self.ports.plain_text),
            Site::NotPublic => "https://10.0.0.1".to_owned(),
            Site::PortNotAllowed => "https://8.8.8.8:8443".to_owned(),
        }
    }

    /// The program for this stage, which is still to be started.
    #[must_use]
    pub fn host(&self, program: PathBuf, log: PathBuf) -> Host {
        let exempt = [Site::Plain, Site::Sleeper, Site::UnknownAuthority, Site::PlainTextForTls];
        let exempt = exempt.map(|site| self.origin(site)).join(",");
        let gateway = format!("http://127.0.0.1:{}/gateway.do", self.ports.gateway.number());
        Host {
            program,
            folder: self.path.clone(),
            port: self.ports.authlink.number(),
            settings: vec![
                ("AUTHLINK_ALIPAY_GATEWAY_URL", gateway),
                ("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", exempt),
            ],
            log,
            process: None,
        }
    }
}
