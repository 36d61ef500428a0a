//! Windows Security Center by its own interface, `IWSCProductList` of `iwscapi.h` (4A).
//!
//! Interfaces of this kind have no safe form, and so this is the one module of the project whose memory safety no
//! compiler checks. It calls a handful of functions, and hands out plain rows. The class is found by its number while the
//! program runs: where there is none, as on a server, the program starts all the same.

#![expect(unsafe_code, reason = "IWSCProductList has no safe form")]

use std::sync::Mutex;

use windows::Win32::Foundation::RPC_E_TOO_LATE;
use windows::Win32::System::Com::{
    CLSCTX_INPROC_SERVER, CoCreateInstance, CoIncrementMTAUsage, CoInitializeSecurity, EOAC_NONE,
    RPC_C_AUTHN_LEVEL_DEFAULT, RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::SecurityCenter::{
    IWSCProductList, IWscProduct, WSC_SECURITY_PROVIDER_ANTIVIRUS, WSC_SECURITY_PROVIDER_FIREWALL,
    WSCProductList,
};
use windows::core::Result;

use super::{Once, Provider};
use crate::decode::wsc::Row;
use crate::facts::MAX_PRODUCTS;

/// Gets this process ready for Security Center and WMI, once, and for as long as it lives: a query that never comes back
/// keeps its thread, and what that thread stands on must not be taken away by another that has ended.
pub(super) fn start() -> Result<()> {
    static STARTED: Once = Once(Mutex::new(false));
    STARTED.done(|| {
        // SAFETY: it takes nothing of ours. What it gives is for taking the apartment back, which nobody does.
        unsafe { CoIncrementMTAUsage() }?;
        // SAFETY: there is no descriptor and there are no lists, which asks for what Windows takes by itself; the reserved
        // arguments are empty, as they must be.
        let secured = unsafe {
            CoInitializeSecurity(
                None,
                -1,
                None,
                None,
                RPC_C_AUTHN_LEVEL_DEFAULT,
                RPC_C_IMP_LEVEL_IMPERSONATE,
                None,
                EOAC_NONE,
                None,
            )
        };
        // Another part of this process has decided before.
        secured.or_else(|error| if error.code() == RPC_E_TOO_LATE { Ok(()) } else { Err(error) })
    })
}

/// What Security Center lists.
pub(super) fn products(provider: Provider) -> Result<Vec<Row>> {
    start()?;
    // SAFETY: this process is ready, and so is each of its threads that has not chosen otherwise. The class is that of this
    // interface, and there is no outer object.
    let list: IWSCProductList = unsafe { CoCreateInstance(&WSCProductList, None, CLSCTX_INPROC_SERVER) }?;
    // A list holds one kind: each kind has one of its own.
    let kind = match provider {
        Provider::Antivirus => WSC_SECURITY_PROVIDER_ANTIVIRUS,
        Provider::Firewall => WSC_SECURITY_PROVIDER_FIREWALL,
    };
    // SAFETY: `list` was just made, and is called by the thread that made it.
    unsafe { list.Initialize(kind) }?;
    // SAFETY: as before, and it is initialised, as it must be from here on.
    let count = unsafe { list.Count() }?;
    let count = u32::try_from(count).unwrap_or_default().min(MAX_PRODUCTS as u32);
    (0..count)
        .map(|index| {
            // SAFETY: as before; the index is below the count, and one that is not any more is an error.
            row(provider, &unsafe { list.get_Item(index) }?)
        })
        .collect()
}

fn row(provider: Provider, product: &IWscProduct) -> Result<Row> {
    // SAFETY: `product` is alive, and called by the thread that was given it. The text is this program's from here on, and
    // is freed with its value.
    let name = unsafe { product.ProductName() }?;
    // SAFETY: as before; what comes back is a number.
    let state = unsafe { product.ProductState() }?;
    let row = Row { name: name.to_string(), state: state.0, signatures: None, remedy: None };
    Ok(match provider {
        Provider::Antivirus => {
            // SAFETY: as before; what comes back is a number.
            let signatures = unsafe { product.SignatureStatus() };
            Row { signatures: signatures.ok().map(|status| status.0), ..row }
        }
        Provider::Firewall => {
            // SAFETY: as before; the text is this program's, and freed with its value.
            let remedy = unsafe { product.RemediationPath() };
            Row { remedy: remedy.ok().map(|path| path.to_string()), ..row }
        }
    })
}
