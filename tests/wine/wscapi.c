/* For tests under Wine only, which has no Security Center: the class of IWSCProductList, with a list of two antivirus
 * programs and one of two firewalls. Functions stand in the order of Windows' iwscapi.h, those of IDispatch first.
 * Whoever forgets to give something back, or gives it back twice, finds the next list broken. */
#define COBJMACROS
#define INITGUID
#include <windows.h>
#include <oleauto.h>

DEFINE_GUID(CLSID_List, 0x17072f7b, 0x9abe, 0x4a74, 0xa2, 0x61, 0x1e, 0xb7, 0x6b, 0x55, 0x10, 0x7a);
DEFINE_GUID(IID_List, 0x722a338c, 0x6e8e, 0x4e72, 0xac, 0x27, 0x14, 0x17, 0xfb, 0x0c, 0x81, 0xc2);
DEFINE_GUID(IID_Product, 0x8c38232e, 0x3a45, 0x4a27, 0x92, 0xb0, 0x1a, 0x16, 0xa9, 0x75, 0xf6, 0x69);

enum { FIREWALL = 1, ANTIVIRUS = 4 };

typedef struct {
    const WCHAR *name;
    LONG state, signatures;
    const WCHAR *remedy;
} Row;

static const Row ROWS[2][2] = {
    {
        {L"Kaspersky Endpoint Security for Windows", 0, 1, L"C:\\Theirs\\fix.exe"},
        {L"Windows Defender", 1, 0, L"windowsdefender:"},
    },
    {
        {L"Windows 防火牆", 0, 1, L"%windir%\\system32\\firewall.cpl"},
        {L"Their Firewall", 0, 1, L"C:\\Theirs\\fix.exe"},
    },
};

typedef struct {
    const void *const *functions;
    LONG references;
    const GUID *kind;
    LONG provider;
    const Row *row;
} Object;

/* How many objects are alive. */
static LONG Alive;

static HRESULT make(const void *const *functions, const GUID *kind, const Row *row, void **made)
{
    Object *object = calloc(1, sizeof *object);
    if (!object)
        return E_OUTOFMEMORY;
    *object = (Object){functions, 1, kind, 0, row};
    InterlockedIncrement(&Alive);
    *made = object;
    return S_OK;
}

static ULONG WINAPI add_reference(Object *self) { return InterlockedIncrement(&self->references); }

static ULONG WINAPI release(Object *self)
{
    LONG left = InterlockedDecrement(&self->references);
    if (left < 0)
        abort();
    if (left == 0) {
        InterlockedDecrement(&Alive);
        free(self);
    }
    return left;
}

static HRESULT WINAPI query(Object *self, REFIID wanted, void **found)
{
    BOOL is = IsEqualGUID(wanted, self->kind) || IsEqualGUID(wanted, &IID_IUnknown)
        || IsEqualGUID(wanted, &IID_IDispatch);
    *found = is ? self : NULL;
    if (is)
        add_reference(self);
    return is ? S_OK : E_NOINTERFACE;
}

static HRESULT WINAPI unused(void) { return E_NOTIMPL; }

static HRESULT text(const WCHAR *text, BSTR *told)
{
    *told = SysAllocString(text);
    return *told ? S_OK : E_OUTOFMEMORY;
}

static HRESULT WINAPI name(Object *self, BSTR *told) { return text(self->row->name, told); }
static HRESULT WINAPI state(Object *self, LONG *told) { return *told = self->row->state, S_OK; }
static HRESULT WINAPI signatures(Object *self, LONG *told) { return *told = self->row->signatures, S_OK; }
static HRESULT WINAPI remedy(Object *self, BSTR *told) { return text(self->row->remedy, told); }

static const void *const PRODUCT[] = {
    query, add_reference, release, unused, unused, unused, unused,
    name, state, signatures, remedy, unused, unused, unused,
};

/* A list is for one provider, and is asked nothing before it has one. */
static HRESULT WINAPI initialize(Object *self, ULONG provider)
{
    if (self->provider || (provider != FIREWALL && provider != ANTIVIRUS))
        return E_INVALIDARG;
    self->provider = provider;
    return S_OK;
}

static HRESULT WINAPI count(Object *self, LONG *told)
{
    *told = 2;
    /* Of all that was made only this list is left. */
    return self->provider && Alive == 1 ? S_OK : E_UNEXPECTED;
}

static HRESULT WINAPI item(Object *self, ULONG index, void **told)
{
    if (index >= 2)
        return E_INVALIDARG;
    return make(PRODUCT, &IID_Product, &ROWS[self->provider == FIREWALL][index], told);
}

static const void *const LIST[] = {
    query, add_reference, release, unused, unused, unused, unused,
    initialize, count, item,
};

static HRESULT WINAPI factory_query(IClassFactory *self, REFIID wanted, void **found)
{
    BOOL is = IsEqualGUID(wanted, &IID_IClassFactory) || IsEqualGUID(wanted, &IID_IUnknown);
    *found = is ? self : NULL;
    return is ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI factory_reference(IClassFactory *self) { return 1; }
static HRESULT WINAPI factory_lock(IClassFactory *self, BOOL lock) { return S_OK; }

static HRESULT WINAPI factory_make(IClassFactory *self, IUnknown *outer, REFIID wanted, void **found)
{
    Object *list;
    HRESULT result = outer ? CLASS_E_NOAGGREGATION : make(LIST, &IID_List, NULL, (void **)&list);
    if (SUCCEEDED(result)) {
        result = query(list, wanted, found);
        release(list);
    }
    return result;
}

static IClassFactoryVtbl FACTORY_FUNCTIONS = {
    factory_query, factory_reference, factory_reference, factory_make, factory_lock,
};
static IClassFactory FACTORY = {&FACTORY_FUNCTIONS};

__declspec(dllexport) HRESULT WINAPI DllGetClassObject(REFCLSID wanted, REFIID kind, void **found)
{
    return IsEqualGUID(wanted, &CLSID_List) ? factory_query(&FACTORY, kind, found) : CLASS_E_CLASSNOTAVAILABLE;
}
